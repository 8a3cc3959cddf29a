//! The units that are known, each by one that comes before it.

use super::parse::read;
use super::{Dimension, Ratio, Scaled, Unit};
use std::collections::HashMap;
use std::sync::LazyLock;

const BASE: [&str; 8] = ["m", "s", "g", "rad", "K", "C", "cd", "mol"];

/// Units that take a prefix: code, number, unit.
#[rustfmt::skip]
const METRIC: &[(&str, &str, &str)] = &[
    ("sr", "1", "rad2"), ("Hz", "1", "/s"), ("N", "1", "kg.m/s2"), ("Pa", "1", "N/m2"), ("J", "1", "N.m"), ("W", "1", "J/s"),
    ("A", "1", "C/s"), ("V", "1", "J/C"), ("F", "1", "C/V"), ("Ohm", "1", "V/A"), ("S", "1", "A/V"), ("mho", "1", "A/V"),
    ("Wb", "1", "V.s"), ("T", "1", "Wb/m2"), ("H", "1", "Wb/A"), ("lm", "1", "cd.sr"), ("lx", "1", "lm/m2"),
    ("Bq", "1", "/s"), ("Gy", "1", "J/kg"), ("Sv", "1", "J/kg"), ("kat", "1", "mol/s"), ("U", "1", "umol/60.s-1"),
    ("l", "1", "dm3"), ("L", "1", "dm3"), ("ar", "100", "m2"), ("t", "1000", "kg"), ("bar", "1e5", "Pa"),
    ("u", "1.6605402e-24", "g"), ("eV", "1.60217733e-19", "J"), ("pc", "3.085678e16", "m"),
    ("m[Hg]", "133.3220", "kPa"), ("m[H2O]", "9.80665", "kPa"), ("eq", "1", "mol"), ("osm", "1", "mol"), ("g%", "1", "g/dL"),
    ("[c]", "299792458", "m/s"), ("[h]", "6.6260755e-34", "J.s"), ("[k]", "1.380658e-23", "J/K"),
    ("[eps_0]", "8.854187817e-12", "F/m"), ("[mu_0]", "12.5663706143591729538505735331180", "10*-7.N/A2"),
    ("[e]", "1.60217733e-19", "C"), ("[m_e]", "9.1093897e-28", "g"), ("[m_p]", "1.6726231e-24", "g"),
    ("[G]", "6.67259e-11", "m3.kg-1.s-2"), ("[g]", "9.80665", "m/s2"), ("[ly]", "31557600", "[c].s"), ("gf", "1", "g.[g]"),
    ("Ky", "1", "cm-1"), ("Gal", "1", "cm/s2"), ("dyn", "1", "g.cm/s2"), ("erg", "1", "dyn.cm"), ("P", "1", "dyn.s/cm2"),
    ("Bi", "10", "A"), ("St", "1", "cm2/s"), ("Mx", "1e-8", "Wb"), ("G", "1e-4", "T"), ("sb", "1", "cd/cm2"),
    ("ph", "1e-4", "lx"), ("Ci", "37e9", "Bq"), ("R", "2.58e-4", "C/kg"), ("RAD", "100", "erg/g"), ("REM", "1", "RAD"),
    ("tex", "1", "g/km"), ("cal", "4.184", "J"), ("cal_th", "4.184", "J"), ("cal_IT", "4.1868", "J"), ("cal_m", "4.19002", "J"),
    ("cal_[15]", "4.18580", "J"), ("cal_[20]", "4.18190", "J"), ("[Cal]", "1", "kcal_th"), ("[S]", "1", "10*-13.s"),
    ("bit", "1", "1"), ("By", "8", "bit"), ("Bd", "1", "/s"),
];

/// Units without prefixes. The first rows are needed by those above.
#[rustfmt::skip]
const FIRST: &[(&str, &str, &str)] = &[
    ("10*", "10", "1"), ("10^", "10", "1"), ("%", "0.01", "1"), ("[ppth]", "1e-3", "1"), ("[ppm]", "1e-6", "1"),
    ("[ppb]", "1e-9", "1"), ("[pptr]", "1e-12", "1"), ("[pi]", "3.14159265358979323846264338328", "1"),
];
#[rustfmt::skip]
const PLAIN: &[(&str, &str, &str)] = &[
    ("min", "60", "s"), ("h", "60", "min"), ("d", "24", "h"), ("wk", "7", "d"), ("a_t", "365.24219", "d"),
    ("a_j", "365.25", "d"), ("a_g", "365.2425", "d"), ("a", "1", "a_j"), ("mo_s", "29.53059", "d"), ("mo_j", "1", "a_j/12"),
    ("mo_g", "1", "a_g/12"), ("mo", "1", "mo_j"), ("deg", "2", "[pi].rad/360"), ("gon", "0.9", "deg"), ("'", "1", "deg/60"),
    ("''", "1", "'/60"), ("circ", "2", "[pi].rad"), ("sph", "4", "[pi].sr"), ("AU", "149597.870691", "Mm"), ("Ao", "0.1", "nm"),
    ("b", "100", "fm2"), ("atm", "101325", "Pa"), ("att", "1", "kgf/cm2"), ("Lmb", "1", "cd/cm2/[pi]"), ("Oe", "250", "A/m/[pi]"),
    ("Gb", "1", "Oe.cm"),
    ("[in_i]", "2.54", "cm"), ("[ft_i]", "12", "[in_i]"), ("[yd_i]", "3", "[ft_i]"), ("[mi_i]", "5280", "[ft_i]"),
    ("[fth_i]", "6", "[ft_i]"), ("[nmi_i]", "1852", "m"), ("[kn_i]", "1", "[nmi_i]/h"), ("[sin_i]", "1", "[in_i]2"),
    ("[sft_i]", "1", "[ft_i]2"), ("[syd_i]", "1", "[yd_i]2"), ("[cin_i]", "1", "[in_i]3"), ("[cft_i]", "1", "[ft_i]3"),
    ("[cyd_i]", "1", "[yd_i]3"), ("[bf_i]", "144", "[in_i]3"), ("[cr_i]", "128", "[ft_i]3"), ("[mil_i]", "1e-3", "[in_i]"),
    ("[cml_i]", "1", "[pi].[mil_i]2/4"), ("[hd_i]", "4", "[in_i]"),
    ("[ft_us]", "1200", "m/3937"), ("[yd_us]", "3", "[ft_us]"), ("[in_us]", "1", "[ft_us]/12"), ("[rd_us]", "16.5", "[ft_us]"),
    ("[ch_us]", "4", "[rd_us]"), ("[lk_us]", "1", "[ch_us]/100"), ("[fth_us]", "6", "[ft_us]"), ("[fur_us]", "40", "[rd_us]"),
    ("[mi_us]", "8", "[fur_us]"), ("[acr_us]", "160", "[rd_us]2"), ("[srd_us]", "1", "[rd_us]2"), ("[smi_us]", "1", "[mi_us]2"),
    ("[mil_us]", "1e-3", "[in_us]"), ("[in_br]", "2.539998", "cm"), ("[ft_br]", "12", "[in_br]"), ("[yd_br]", "3", "[ft_br]"),
    ("[mi_br]", "5280", "[ft_br]"), ("[acr_br]", "4840", "[yd_br]2"),
    ("[gal_us]", "231", "[in_i]3"), ("[bbl_us]", "42", "[gal_us]"), ("[qt_us]", "1", "[gal_us]/4"), ("[pt_us]", "1", "[qt_us]/2"),
    ("[gil_us]", "1", "[pt_us]/4"), ("[foz_us]", "1", "[gil_us]/4"), ("[fdr_us]", "1", "[foz_us]/8"),
    ("[min_us]", "1", "[fdr_us]/60"), ("[crd_us]", "128", "[ft_i]3"), ("[bu_us]", "2150.42", "[in_i]3"),
    ("[gal_wi]", "1", "[bu_us]/8"), ("[pk_us]", "1", "[bu_us]/4"), ("[dqt_us]", "1", "[pk_us]/8"), ("[dpt_us]", "1", "[dqt_us]/2"),
    ("[tbs_us]", "1", "[foz_us]/2"), ("[tsp_us]", "1", "[tbs_us]/3"), ("[cup_us]", "16", "[tbs_us]"), ("[foz_m]", "30", "mL"),
    ("[cup_m]", "240", "mL"), ("[tsp_m]", "5", "mL"), ("[tbs_m]", "15", "mL"),
    ("[gal_br]", "4.54609", "L"), ("[pk_br]", "2", "[gal_br]"), ("[bu_br]", "4", "[pk_br]"), ("[qt_br]", "1", "[gal_br]/4"),
    ("[pt_br]", "1", "[qt_br]/2"), ("[gil_br]", "1", "[pt_br]/4"), ("[foz_br]", "1", "[gil_br]/5"), ("[fdr_br]", "1", "[foz_br]/8"),
    ("[min_br]", "1", "[fdr_br]/60"),
    ("[gr]", "64.79891", "mg"), ("[lb_av]", "7000", "[gr]"), ("[oz_av]", "1", "[lb_av]/16"), ("[dr_av]", "1", "[oz_av]/16"),
    ("[scwt_av]", "100", "[lb_av]"), ("[lcwt_av]", "112", "[lb_av]"), ("[ston_av]", "20", "[scwt_av]"),
    ("[lton_av]", "20", "[lcwt_av]"), ("[stone_av]", "14", "[lb_av]"), ("[pwt_tr]", "24", "[gr]"), ("[oz_tr]", "20", "[pwt_tr]"),
    ("[lb_tr]", "12", "[oz_tr]"), ("[sc_ap]", "20", "[gr]"), ("[dr_ap]", "3", "[sc_ap]"), ("[oz_ap]", "8", "[dr_ap]"),
    ("[lb_ap]", "12", "[oz_ap]"), ("[oz_m]", "28", "g"), ("[car_m]", "0.2", "g"), ("[lbf_av]", "1", "[lb_av].[g]"),
    ("[psi]", "1", "[lbf_av]/[in_i]2"), ("[den]", "1", "g/9/km"), ("[Btu_IT]", "1.05505585262", "kJ"), ("[Btu_th]", "1.05435", "kJ"),
    ("[Btu]", "1", "[Btu_th]"), ("[HP]", "550", "[ft_i].[lbf_av]/s"),
    ("[in_i'H2O]", "1", "m[H2O].[in_i]/m"), ("[in_i'Hg]", "1", "m[Hg].[in_i]/m"), ("[PRU]", "1", "mm[Hg].s/mL"),
    ("[wood'U]", "1", "mm[Hg].min/L"), ("[diop]", "1", "/m"), ("[mesh_i]", "1", "/[in_i]"), ("[Ch]", "1", "mm/3"),
    ("[drp]", "1", "mL/20"), ("[MET]", "3.5", "mL/min/kg"), ("[HPF]", "1", "1"), ("[LPF]", "100", "1"),
];

/// Units that measure an effect and convert to nothing but themselves; the second list takes prefixes.
#[rustfmt::skip]
const ARBITRARY: &[&str] = &[
    "[USP'U]", "[GPL'U]", "[MPL'U]", "[APL'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]", "[dye'U]", "[smgy'U]", "[bdsk'U]",
    "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[CCID_50]", "[TCID_50]", "[EID_50]", "[PFU]", "[FFU]", "[CFU]", "[IR]", "[BAU]",
    "[AU]", "[Amb'a'1'U]", "[PNU]", "[Lf]", "[D'ag'U]", "[FEU]", "[ELU]", "[EU]", "[hnsf'U]",
];
const ARBITRARY_METRIC: &[&str] = &["[iU]", "[arb'U]"];

#[rustfmt::skip]
const PREFIXES: &[(&str, i32)] = &[
    ("da", 1), ("Y", 24), ("Z", 21), ("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("h", 2),
    ("d", -1), ("c", -2), ("m", -3), ("u", -6), ("n", -9), ("p", -12), ("f", -15), ("a", -18), ("z", -21), ("y", -24),
];

/// Scales with an origin of their own: code, what is added, and the degree in kelvin.
const SCALES: [(&str, &str, &str); 3] =
    [("Cel", "273.15", "K"), ("[degF]", "459.67", "5.K/9"), ("[degRe]", "218.52", "5.K/4")];

/// The units by their codes.
#[derive(Default)]
pub struct Known {
    units: HashMap<&'static str, Row>,
}

#[derive(Clone, Copy)]
struct Row {
    unit: Unit,
    metric: bool,
}

impl Known {
    /// Returns the unit of a symbol, which may begin with a prefix.
    pub fn unit(&self, symbol: &str) -> Option<Unit> {
        if let Some(row) = self.units.get(symbol) {
            return Some(row.unit);
        }
        PREFIXES.iter().find_map(|(prefix, power)| {
            let row = self.units.get(symbol.strip_prefix(prefix)?).filter(|row| row.metric)?;
            Unit::of_factor(Ratio::ten(*power)).times(row.unit, 1)
        })
    }

    fn add(&mut self, metric: bool, rows: &[(&'static str, &str, &str)]) {
        for (code, number, unit) in rows {
            let number = Scaled::parse(number).and_then(Ratio::new).map(Unit::of_factor);
            let unit = number.zip(read(self, unit)).and_then(|(number, unit)| number.times(unit, 1));
            // Every row is sound; the test below counts them.
            if let Some(unit) = unit {
                self.units.insert(code, Row { unit, metric });
            }
        }
    }

    fn add_arbitrary(&mut self, metric: bool, codes: &[&'static str]) {
        for code in codes {
            let dimension = Dimension { arbitrary: Some((code, 1)), ..Dimension::default() };
            let unit = Unit { dimension, ..Unit::of_factor(Ratio::ONE) };
            self.units.insert(code, Row { unit, metric });
        }
    }
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut known = Known::default();
    for (at, code) in BASE.into_iter().enumerate() {
        let mut dimension = Dimension::default();
        dimension.exponents[at] = 1;
        known.units.insert(code, Row { unit: Unit { dimension, ..Unit::of_factor(Ratio::ONE) }, metric: true });
    }
    known.add(false, FIRST);
    known.add(true, METRIC);
    known.add(false, PLAIN);
    known.add_arbitrary(false, ARBITRARY);
    known.add_arbitrary(true, ARBITRARY_METRIC);
    known.add(true, &[("[IU]", "1", "[iU]")]);
    known
});

static ON_SCALES: LazyLock<Vec<(&str, Unit)>> = LazyLock::new(|| {
    let unit = |(code, origin, degree)| Some((code, Unit { origin: Scaled::parse(origin)?, ..read(&KNOWN, degree)? }));
    SCALES.into_iter().filter_map(unit).collect()
});

pub fn known() -> &'static Known {
    &KNOWN
}

/// Returns the unit of a scale with an origin of its own; such a unit stands alone, at most with an annotation.
pub fn scale(code: &str) -> Option<Unit> {
    let (code, annotation) = code.split_at(code.find('{').unwrap_or(code.len()));
    let annotated = annotation.is_empty() || annotation.find('}') == Some(annotation.len() - 1);
    ON_SCALES.iter().find(|(known, _)| annotated && *known == code).map(|(_, unit)| *unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_unit() {
        let rows = FIRST.len() + METRIC.len() + PLAIN.len();
        let codes = BASE.len() + ARBITRARY.len() + ARBITRARY_METRIC.len() + 1;
        for (code, ..) in [FIRST, METRIC, PLAIN].concat() {
            assert!(KNOWN.units.contains_key(code), "{code}");
        }
        assert_eq!(KNOWN.units.len(), rows + codes);
        assert_eq!(ON_SCALES.len(), SCALES.len());
    }
}
