"""Where the CPU time of each role goes, under the load of its benchmark: `make profile`."""
