// The alarm: a tone that repeats until somebody has acknowledged, and the
// phone's vibration. Browsers make no sound before the first tap, so the page
// asks for one, and says so for as long as it is silent.

const everyMs = 2400;
const tones = [[0, 960], [0.22, 720], [0.44, 960], [0.66, 720]]; // s after the start, Hz

let audio;
let ringing = 0; // interval
let loud = []; // IDs of what nobody has taken
const muted = new Set();

const allow = () => document.getElementById("sound-allow");
const mute = () => document.getElementById("sound-mute");

/** Prepares the buttons. */
export function start() {
  try {
    audio = new (window.AudioContext ?? window.webkitAudioContext)();
    audio.addEventListener("statechange", show);
  } catch { /* a browser without sound still vibrates */ }
  allow().addEventListener("click", unlock);
  mute().addEventListener("click", () => { loud.forEach((id) => muted.add(id)); update(loud); });
  show();
}

async function unlock() {
  try {
    await audio?.resume();
    tone(audio.currentTime, 880, 0.08); // so that the ear knows too
  } catch { /* the button stays */ }
  show();
  update(loud);
}

/** Tells which incidents nobody has taken; rings while there is one that is not muted. */
export function update(ids) {
  loud = ids;
  for (const id of muted) if (!ids.includes(id)) muted.delete(id);
  const ring = ids.some((id) => !muted.has(id));
  if (ring && !ringing) { sing(); ringing = setInterval(sing, everyMs); }
  if (!ring && ringing) { clearInterval(ringing); ringing = 0; navigator.vibrate?.(0); }
  show();
}

/** One soft tone, for what is not urgent. */
export function chime() {
  if (audio?.state === "running") tone(audio.currentTime, 660, 0.25);
}

function sing() {
  if (navigator.userActivation?.hasBeenActive ?? true) navigator.vibrate?.([400, 120, 400, 120, 400]);
  if (audio?.state !== "running") return;
  for (const [at, hertz] of tones) tone(audio.currentTime + at, hertz, 0.18);
}

function tone(at, hertz, seconds) {
  const wave = audio.createOscillator();
  const gain = audio.createGain();
  wave.type = "square";
  wave.frequency.value = hertz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.5, at + 0.012);
  gain.gain.setValueAtTime(0.5, at + seconds - 0.02);
  gain.gain.linearRampToValueAtTime(0, at + seconds);
  wave.connect(gain).connect(audio.destination);
  wave.start(at);
  wave.stop(at + seconds);
}

function show() {
  const silent = !!audio && audio.state !== "running";
  allow().hidden = !silent;
  mute().hidden = silent || !ringing;
  document.body.dataset.sound = audio?.state ?? "none";
  document.body.dataset.ringing = String(!!ringing);
  document.body.classList.toggle("dock-open", !allow().hidden || !mute().hidden);
}
