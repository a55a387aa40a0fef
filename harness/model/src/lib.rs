//! The pure model of isolation.
