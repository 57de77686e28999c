"""Clinical documents: received, identified, kept byte for byte, replaced, deleted and shown."""
