"""What everything rests on: errors, seeds, text files, npz files, the machine. Knows nothing of speech."""
