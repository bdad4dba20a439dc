"""The mock platform: who lives there, what they write, and what happens to them."""
