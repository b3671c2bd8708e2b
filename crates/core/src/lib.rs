//! The domain of the Dokku Deploy System: pure values and decisions, no effects.
