"""The full-screen tool `debmill review`: what waits, one case at a time, a key for each decision. It judges nothing."""
