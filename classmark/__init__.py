"""The command `classmark`: one verb for each program, found from any folder."""
