//! Whether stalls are longer on one kernel than on another: a test by ranks.
//! Lives here: the Mann-Whitney test, two-sided (pure).
//! May not live here: which times are compared.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

/// Up to so many values in all the p value is exact.
const EXACT: usize = 60;

/// What the ranks say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ranks {
    /// Pairs of one value of each side in which that of the first is larger; equal ones count half.
    pub u: f64,
    /// Two-sided, 0 to 1.
    pub p: f64,
    /// How `p` was arrived at.
    pub method: Method,
}

/// How a p value was arrived at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// From all ways to divide these ranks, ties as they are.
    Exact,
    /// From the normal distribution, corrected for ties and for continuity.
    Normal,
}

/// The Mann-Whitney test of two sides, two-sided (H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947), 50–60).
/// Equal values get the mean of their ranks. Up to 60 values in all it is exact: the share of all divisions of these ranks whose sum is
/// at least as far from the mean; with more it is the normal approximation. `None` where a side has no values.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<Ranks> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, all) = (a.len(), a.len() + b.len());
    let (ranks, ties) = doubled_ranks(a, b);
    let sum: usize = ranks[..n].iter().sum();
    let u = (sum - n * (n + 1)) as f64 / 2.0;
    // Of doubled ranks, the mean of the sum is n·(all + 1).
    let off = (sum as f64 - (n * (all + 1)) as f64).abs();
    let (p, method) = if all <= EXACT {
        (exact(&ranks, n, off), Method::Exact)
    } else {
        (normal(n as f64, b.len() as f64, off / 2.0, &ties), Method::Normal)
    };
    Some(Ranks { u, p: p.clamp(0.0, 1.0), method })
}

/// Twice the ranks, those of `a` first, so that the mean of two is whole; and the sizes of groups of equal values.
fn doubled_ranks(a: &[f64], b: &[f64]) -> (Vec<usize>, Vec<usize>) {
    let values: Vec<f64> = a.iter().chain(b).copied().collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&x, &y| values[x].total_cmp(&values[y]));
    let (mut ranks, mut ties, mut begin) = (vec![0; values.len()], Vec::new(), 0);
    for group in order.chunk_by(|&x, &y| values[x] == values[y]) {
        // Ranks begin + 1 to begin + length; twice their mean is the first and the last together.
        let rank = 2 * begin + group.len() + 1;
        group.iter().for_each(|&index| ranks[index] = rank);
        ties.push(group.len());
        begin += group.len();
    }
    (ranks, ties)
}

/// The share of all ways to take `n` of these ranks whose sum is as far from the mean as `off`.
fn exact(ranks: &[usize], n: usize, off: f64) -> f64 {
    let most: usize = ranks.iter().sum();
    // ways[k][s]: to take k with the sum s. Below 2^60 in all, and counted in f64 whose error is far below any p that is printed.
    let mut ways = vec![vec![0.0_f64; most + 1]; n + 1];
    ways[0][0] = 1.0;
    let mut reached = 0;
    for (taken, &rank) in ranks.iter().enumerate() {
        for k in (1..=n.min(taken + 1)).rev() {
            let (before, now) = ways.split_at_mut(k);
            for (to, from) in now[0][rank..].iter_mut().zip(&before[k - 1][..=reached]) {
                *to += from;
            }
        }
        reached += rank;
    }
    let mean = (n * (ranks.len() + 1)) as f64;
    let total: f64 = ways[n].iter().sum();
    let far = ways[n].iter().enumerate().filter(|(sum, _)| (*sum as f64 - mean).abs() >= off);
    far.map(|(_, ways)| ways).sum::<f64>() / total
}

/// As R's `wilcox.test(exact = FALSE)`: variance corrected for ties, half a step for continuity. `off` is the distance of U from its mean.
fn normal(n: f64, m: f64, off: f64, ties: &[usize]) -> f64 {
    let all = n + m;
    let tied: f64 = ties.iter().map(|&size| size as f64).map(|size| size * size * size - size).sum();
    let variance = n * m / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    2.0 * Normal::standard().sf((off - 0.5).max(0.0) / variance.sqrt())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // R's manual of wilcox.test: W = 35, one-sided p = 0.1272; two-sided it is twice that.
        let a = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let b = [1.15, 0.88, 0.90, 0.74, 1.21];
        let ranks = mann_whitney(&a, &b).unwrap();
        assert_eq!((ranks.u, ranks.method), (35.0, Method::Exact));
        assert!((ranks.p - 0.2544).abs() < 5e-5, "{}", ranks.p);
        // By hand: 2 of choose(10, 5) divisions; and with ties, of choose(4, 2) = 6 the two that put 1, 1 apart from 2, 2.
        let far = mann_whitney(&[9.0, 8.0, 7.0, 6.0, 5.5], &[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((far.u, (far.p * 252.0).round()), (25.0, 2.0));
        assert!((mann_whitney(&[1.0, 1.0], &[2.0, 2.0]).unwrap().p - 2.0 / 6.0).abs() < 1e-12);
        assert!((mann_whitney(&[3.0; 4], &[3.0; 5]).unwrap().p - 1.0).abs() < 1e-12);
        assert_eq!(mann_whitney(&[], &[1.0]), None);
    }

    #[test]
    fn many_values_are_approximated_and_near_the_exact_value() {
        let (a, b): (Vec<f64>, Vec<f64>) =
            ((0..30).map(|x| f64::from(x % 13) + 2.0).collect(), (0..30).map(|x| f64::from(x % 11)).collect());
        let exactly = mann_whitney(&a, &b).unwrap();
        let (ranks, ties) = doubled_ranks(&a, &b);
        let off = (ranks[..30].iter().sum::<usize>() as f64 - 30.0 * 61.0).abs() / 2.0;
        let nearly = normal(30.0, 30.0, off, &ties);
        assert!(exactly.method == Method::Exact && (exactly.p - nearly).abs() < 0.002, "{} {nearly}", exactly.p);
        let more = mann_whitney(&a, &[b, vec![1.0; 20]].concat()).unwrap();
        assert!(more.method == Method::Normal && more.p < exactly.p);
        assert_eq!(mann_whitney(&[1.0; 40], &[1.0; 40]).unwrap().p, 1.0);
    }

    proptest! {
        #[test]
        fn sides_may_be_swapped(a in prop::collection::vec(0_u8..20, 1..12), b in prop::collection::vec(0_u8..20, 1..12)) {
            let floats = |values: &[u8]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
            let (a, b) = (floats(&a), floats(&b));
            let (one, other) = (mann_whitney(&a, &b).unwrap(), mann_whitney(&b, &a).unwrap());
            prop_assert!((one.p - other.p).abs() < 1e-9 && (0.0..=1.0).contains(&one.p));
            prop_assert_eq!(one.u + other.u, (a.len() * b.len()) as f64);
        }
    }
}
