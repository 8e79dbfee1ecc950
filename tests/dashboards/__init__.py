"""The dashboards on data: a whole service at work, scraped by a real Prometheus; `make dashboards` draws them."""
