"""Who is who: people recognised for certain, doubts put to a steward, stays and consents of hospitals. See README.md."""
