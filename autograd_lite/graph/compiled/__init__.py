"""What people see of compiled functions: what passes changed, where values lie; and their files."""
