"""What is true: data and rules. Knows no GraphQL, no HTTP and no JWT."""
