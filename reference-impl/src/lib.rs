//! Reference implementation of the proxies and stores of Vendo.
