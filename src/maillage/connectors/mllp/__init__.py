"""MLLP, the transport of HL7 v2: frames, messages, a client, a server and the letter a hospital sends."""
