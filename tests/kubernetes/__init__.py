"""What Kubernetes itself makes of deploy/: its real control plane on loopback (`make kubernetes`)."""
