"""The network side of a call: endpoint, trunk, legs and bridges. Knows legs, not menus."""
