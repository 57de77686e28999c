"""Pure decisions about who a person is: INS, traits, status, matching, comparison. No I/O, no clock."""
