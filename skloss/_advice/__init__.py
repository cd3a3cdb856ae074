"""What a table says about which loss to take."""
