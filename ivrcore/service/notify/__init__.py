"""What customers are told: status events and CDRs, signed, in order, to checked addresses."""
