// What the page says, in its language, and how it writes durations.

const strings = JSON.parse(document.body.dataset.strings);

/** The text for key, with {} replaced by value. */
export function say(key, value = "") {
  return (strings[key] ?? key).replace("{}", value);
}

/** A duration in ms in words, one unit: "42 s", "5 min". */
export function words(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return say("second", s);
  if (s < 3600) return say("minute", Math.floor(s / 60));
  if (s < 86400) return say("hour", Math.floor(s / 3600));
  return say("day", Math.floor(s / 86400));
}

/** A duration in ms as it ticks: "4:07", "1:02:03", "2 d 5 h". */
export function ticking(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  if (s < 86400) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return `${say("day", Math.floor(s / 86400))} ${say("hour", Math.floor(s / 3600) % 24)}`;
}
