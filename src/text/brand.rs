//! What the application is called and looks like, as layouts are told.

use serde::Serialize;

use crate::config::Product;

const LIGHT: &str = "#ffffff";
const DARK: &str = "#10171a";

/// Contrast of text that WCAG 2.2 asks for (success criterion 1.4.3).
const ENOUGH: f64 = 4.5;

/// Name and colours.
#[derive(Debug, Clone, Serialize)]
pub struct Brand {
    pub name: String,
    pub color: String,
    /// Of text on `color`.
    pub on_color: &'static str,
    pub color_dark: String,
    pub on_color_dark: &'static str,
}

impl Brand {
    pub fn new(product: &Product) -> Self {
        Self {
            name: product.name.clone(),
            on_color: text_on(&product.color),
            color: product.color.clone(),
            on_color_dark: text_on(&product.color_dark),
            color_dark: product.color_dark.clone(),
        }
    }
}

/// White where it can be read, else the darker or lighter of the two that can be read better.
fn text_on(color: &str) -> &'static str {
    let (light, dark) = (contrast(color, LIGHT), contrast(color, DARK));
    if light >= ENOUGH || light >= dark {
        LIGHT
    } else {
        DARK
    }
}

/// The contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2, "relative luminance").
fn luminance(color: &str) -> f64 {
    let linear = |range: std::ops::Range<usize>| {
        let digits = color.get(range).unwrap_or_default();
        let channel = f64::from(u8::from_str_radix(digits, 16).unwrap_or_default()) / 255.0;
        if channel <= 0.04045 {
            channel / 12.92
        } else {
            ((channel + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(1..3) + 0.7152 * linear(3..5) + 0.0722 * linear(5..7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 0.001);
        assert!((contrast("#767676", "#ffffff") - 4.54).abs() < 0.01);
    }

    #[test]
    fn text_can_be_read_on_every_colour() {
        for (color, text) in [
            ("#0f6b5c", LIGHT),
            ("#5fd3bc", DARK),
            ("#ffee00", DARK),
            ("#000000", LIGHT),
            ("#ffffff", DARK),
        ] {
            assert_eq!(text_on(color), text, "{color}");
        }
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                let color = format!("#{red:02x}{green:02x}77");
                assert!(contrast(&color, text_on(&color)) >= 4.2, "{color}");
            }
        }
    }
}
