//! The decisions as tables, without a network.

use super::*;
