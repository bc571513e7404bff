"""topo_exp."""
