"""OpenAI's form of speaking to models, so that its clients can use a fleet's: records, conversions, errors."""
