"""What a person does: study files, runs, exports, reports and the command line."""
