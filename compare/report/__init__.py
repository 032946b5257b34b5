"""What a grid came to: statistics, and the page that shows them."""
