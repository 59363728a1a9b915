"""The queue alone, over gRPC: Q1 to Q3."""
