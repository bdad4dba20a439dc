"""Events as they travel: their fields, their JSON, what breaks them, and what must become of them."""
