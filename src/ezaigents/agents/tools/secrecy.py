"""Names of files that no model is shown, because what they usually hold must not reach a provider.

Job: say which, and why. Not its job: opening anything (gate). It goes by names alone: a secret in a file of another
name is not noticed, and a hard link made by somebody else is a file like any other.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ezaigents.workspace import is_protected

_READ_BY_ALL = {".gitattributes", ".gitmodules"}
"""Never written, but nothing secret: whoever works on a repository may have to know them."""
_EXAMPLE = re.compile(r".*[._-](example|sample|template|dist|defaults?)|.*\.pub")
"""Made to be shown."""
_SECRET_FILE = re.compile(
    r"\.env|\.env\..+|.+\.env|\.envrc"
    r"|.+\.(pem|key|p12|pfx|p8|jks|keystore|kdbx|ppk|gpg|ovpn|agekey|tfstate|tfvars)|.+\.tfstate\.backup"
    r"|(id|ssh_host)_(rsa|dsa|ecdsa|ed25519)(_.+|\..+)?"
    r"|[._]netrc|\.pgpass|\.my\.cnf|\.npmrc|\.yarnrc\.yml|\.pypirc|\.git-credentials|\.htpasswd|\.dockercfg"
    r"|\.boto|\.s3cfg|\.vault-token|\.terraformrc|\.bash_history|\.zsh_history|\.python_history|\.psql_history"
    r"|(client[_-])?secrets?\.(ya?ml|json|toml|ini|txt|properties)|credentials(\.(ya?ml|json|toml|ini|csv|xml))?"
    r"|service[_-]?account.*\.json|application_default_credentials\.json|kubeconfig|wallet\.dat"
)
_SECRET_FOLDER = {".ssh", ".aws", ".azure", ".gnupg", ".gcloud", ".kube", ".password-store", ".secrets"}


def why_closed(path: str, named: Collection[str] = ()) -> str:
    """Say why no model may read the file at `path` (relative to the workspace); "" when one may.

    `named`: files that the user named for the task; these are open though they look like secrets. Git's own folder
    and the fleet's own files are closed whoever names them.
    """
    if path.startswith("/"):
        return "is absolute; name files relative to the workspace"
    parts = path.split("/")
    for part in parts:
        reason = "" if part.casefold() in _READ_BY_ALL else is_protected(part)
        if reason:
            return reason
    return "" if path in named or not _looks_secret(parts) else "is named like a secret, which no model is shown"


def _looks_secret(parts: list[str]) -> bool:
    *folders, file = (part.casefold().rstrip(". ") for part in parts)
    if [*folders, file][-2:] == [".docker", "config.json"] or any(
        folder in _SECRET_FOLDER for folder in (*folders, file)
    ):
        return True
    return bool(_SECRET_FILE.fullmatch(file)) and not _EXAMPLE.fullmatch(file)
