"""The proof that nothing acknowledged is lost: clients that record, disturbances, and a checker. See docs/proof.md."""
