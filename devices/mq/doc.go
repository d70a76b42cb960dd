// Package mq drives the semiconductor gas sensors MQ-2, MQ-4, MQ-5, MQ-6, MQ-7 and
// MQ-9 (Hanwei, Winsen) behind any converter of package adc.
//
// Data sheets: https://www.winsen-sensor.com/d/files/mq-4.pdf and its like for the
// others. They give curves in logarithmic axes and few numbers; the numbers here are
// in Models, with where they come from.
//
// # What is measured
//
// The element's resistance Rs falls with gas. It is in series with a load RL at the
// supply Vc, and the converter sees V over RL: Rs = RL·(Vc−V)/V. By the data sheet's
// curve ppm = a·(Rs/R0)^b, where R0 is the element's own and is found by calibration:
// Rs in clean air divided by the model's clean-air ratio. A concentration in ppm
// becomes the catalogue's %LEL by the site's LEL.
//
// # How far to trust it
//
//   - An element tells that gas is there better than how much: curves are typical,
//     elements differ by a factor of two, and R0 sets only one point. ±50 % is usual.
//   - Each gas of a kind moves it (Model.Cross): alcohol, solvents, steam, cooking.
//   - Temperature and humidity: 10 °C or 10 %RH change Rs by 5 to 20 %, and a new level
//     needs hours. The data sheets' graphs are of typical elements and hold between
//     −10 and 50 °C. Where a device of the gateway measures the air, the value is
//     corrected by them (Dependence), and only ever raised: a climate sensor that is
//     wrong must not be able to hide gas.
//   - Silicone vapour and paint poison it for good; it then reads low. Its all-clear
//     proves nothing by itself: supervise it (end of life after 5 years in homes, 3 in
//     shops, CJJ/T 146).
//   - Preheat once for 24 h (MQ-7: 48 h) before calibration, and whenever it has been
//     without supply for long. At each power-up the output is high for tens of seconds.
//
// # Qualities
//
//   - warmup: until Model.WarmUp after the driver's first sample, and again when the
//     heater's line could not be set, when the element was open for some seconds (its
//     own supply was gone, and it is cold), and when the converter is found freshly
//     powered (ads1115, ads1015: the sensor shares its supply, or should). An element
//     beyond its range for longer than a minute is saturated or short in warm-up too.
//   - open: Rs is ten times what clean air gives. The element or its wire is broken, or
//     the heater is cold.
//   - short: V is within 1 % of Vc, where even pure gas would not bring it.
//   - saturated: more than the metric's range, or than the converter's; or V is within
//     1 % of Vc, and with this load gas could do that.
//   - suspect: above the end of the published curve; or the air is to be known and is
//     not.
//
// # Heater cycle
//
// CO is measured by MQ-7 and MQ-9 with the heater at 5 V for 60 s, which cleans the
// element, and 1.4 V (MQ-9: 1.5 V) for 90 s, at the end of which the reading is taken.
// A GPIO line switches the heater: so CO comes every 150 s, up to that late. The part
// cannot be asked whether its heater obeys; an element that stays cold is found open.
package mq
