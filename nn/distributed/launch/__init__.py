"""What starts ranks on this machine, for `python -m nn.distributed.run`."""
