/**
 * Feedback about an answer, from the page that shows it. In: the link that the application made for the answer. Out:
 * one POST for each thing said or done, with an id of its own, so that a repeat is the same event; what cannot be sent
 * waits in the tab. Nothing here throws into the page, or names a person or a browser.
 */

/** @typedef {Record<string, unknown> | null} Value the fields of a kind (docs/signals.md); null takes it back
 * @typedef {{said: Record<string, unknown>, status: number, detail: string}} Problem status 0: it was not sent
 * @typedef {{element?: Element | null, surface?: string, copy?: boolean, dwell?: boolean, leave?: boolean,
 *   onSent?: (said: object, reply: unknown) => void, onError?: (problem: Problem) => void}} Options (docs/capture.md)
 * @typedef {{url: string, body: string, left?: number}} Waiting left: when a page that was left sent it */

const STORE = "feedwheel-waiting";
const MAX_WAITING = 50;
const MAX_CHARS = 300_000; // at three bytes each below the megabyte of an event
const MAX_LEAVING_CHARS = 20_000; // likewise below the 64 KiB of a page that is being left
const READING_MS = 40; // a character, at 250 words a minute
const READ_MS = 30_000; // web search takes what is looked at for so long for what was wanted
const [RETRY_MS, MAX_RETRY_MS, MAX_PAUSE_MS, PATIENCE_MS] = [1_000, 60_000, 86_400_000, 20_000];
const TAKEN_MS = 2_000; // by then the collector knows what a page sent as it was left, and takes no copy

/** @type {Map<string, ReturnType<typeof watch>>} by link */
const answers = new Map();
let newest = "";
/** @type {Waiting[]} in order, since the latest stands */
let queue = [];
let [isSending, failures, pausedUntil, timer] = [false, 0, 0, 0];

/** @param {() => void} act */
function quietly(act) {
  try {
    act();
  } catch (error) {
    console.warn("feedwheel:", error);
  }
}

function save() {
  try {
    const kept = queue.filter(({ body }) => body.length < MAX_LEAVING_CHARS);
    sessionStorage.setItem(STORE, JSON.stringify({ kept, pausedUntil }));
  } catch {} // forbidden or full: it waits in memory
}

/** @param {Waiting} entry @param {number} status @param {string} detail */
function giveUp({ url, body }, status, detail) {
  quietly(() => answers.get(url)?.options().onError?.({ said: JSON.parse(body), status, detail }));
}

/** @param {Waiting} entry */
function enqueue(entry) {
  if (entry.body.length > MAX_CHARS) return giveUp(entry, 0, "too large");
  if (!entry.url.startsWith("http")) return giveUp(entry, 0, "not a link"); // it would hold up what can be sent
  queue.push(entry);
  if (queue.length > MAX_WAITING) giveUp(queue.splice(+isSending, 1)[0], 0, "too much is waiting");
  save();
}

/** Send what waits, one after the other, until there is nothing left or reason to pause. */
async function drain() {
  while (queue.length && !isSending && !timer) {
    const pause = Math.min(pausedUntil - Date.now(), MAX_PAUSE_MS);
    if (pause > 0) {
      timer = window.setTimeout(() => ((timer = 0), drain()), pause);
    } else {
      isSending = true;
      if (await isSettled(queue[0])) queue.shift();
      isSending = false;
      save();
    }
  }
}

/** Send one; if it is neither taken nor refused, `pausedUntil` says when to try again. @param {Waiting} entry */
async function isSettled(entry) {
  const { url, body } = entry;
  let [status, wait, reply] = [0, 0, /** @type {any} */ (null)];
  try {
    const response = await fetch(url, {
      method: "POST",
      body, // as plain text: no preflight
      credentials: "omit",
      referrerPolicy: "no-referrer",
      keepalive: body.length < MAX_LEAVING_CHARS, // outlives the page
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    status = response.status;
    wait = Number(response.headers.get("retry-after")) * 1000;
    reply = await response.json();
  } catch {} // no answer, or not the collector's
  if (!status || status === 429 || status >= 500) {
    const backOff = Math.min(RETRY_MS * 2 ** failures++, MAX_RETRY_MS) * (0.75 + Math.random() / 2);
    pausedUntil = Date.now() + (wait > 0 ? wait : backOff);
    return false;
  }
  failures = 0;
  if (status >= 400) giveUp(entry, status, String(reply?.detail));
  else quietly(() => answers.get(url)?.options().onSent?.(JSON.parse(body), reply));
  return true;
}

/** How much of an element's text is selected, 0 to 1. @param {Element} element */
function selectedShare(element) {
  const selection = getSelection();
  if (!selection?.rangeCount) return 0;
  const [part, whole] = [selection.getRangeAt(0).cloneRange(), document.createRange()];
  whole.selectNodeContents(element);
  if (part.compareBoundaryPoints(Range.START_TO_START, whole) < 0) part.setStart(element, 0);
  if (part.compareBoundaryPoints(Range.END_TO_END, whole) > 0) part.setEnd(element, element.childNodes.length);
  return part.toString().trim().length / (whole.toString().trim().length || 1);
}

/** @param {string} url */
function watch(url) {
  /** @type {Options} */
  let options = {};
  let [onScreen, since, seen, acted, left] = [false, 0, 0, false, false];
  let detach = () => {};

  /** Milliseconds for which the answer was visible until now. */
  function visible() {
    const now = performance.now();
    if (since) seen += now - since;
    since = onScreen && document.visibilityState === "visible" ? now : 0;
    return Math.round(seen);
  }

  /** @param {string} kind @param {Value} value */
  function enter(kind, value, surface = options.surface ?? "answer") {
    const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
    const dwell_ms = options.element && options.dwell !== false ? visible() : undefined;
    const said = { feedback_id: id.join(""), kind, value, surface, dwell_ms, client_time: new Date().toISOString() };
    enqueue({ url, body: JSON.stringify(said) });
  }

  /** @param {string} kind @param {Value} value @param {string} [surface] */
  function tell(kind, value, surface) {
    quietly(() => {
      acted = true;
      enter(kind, value, surface);
      drain();
    });
  }

  /** @param {Options} given */
  function attach(given) {
    detach();
    options = given;
    const { element, copy } = given;
    if (!element) return;
    const listening = new AbortController();
    const copied = () => {
      const number = Math.ceil(selectedShare(element) * 100) / 100;
      if (number && copy !== false) tell("action", { action: "copy", number }, "page");
    };
    element.addEventListener("copy", () => quietly(copied), listening);
    document.addEventListener("visibilitychange", visible, listening);
    const look = (/** @type {IntersectionObserverEntry[]} */ entries) => {
      const { intersectionRatio, intersectionRect } = entries[entries.length - 1];
      onScreen = intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2;
      visible();
    };
    const threshold = Array.from({ length: 51 }, (_, step) => step / 50); // half a screen of up to 25 screens
    const observer = new IntersectionObserver(look, { threshold });
    observer.observe(element);
    detach = () => {
      listening.abort();
      observer.disconnect();
      onScreen = false;
      visible();
    };
  }

  function leave() {
    const { element, leave, dwell } = options;
    const needed = Math.min(READING_MS * (element?.textContent?.trim().length || Infinity), READ_MS);
    left = !!element && leave !== false && !acted && newest === url && visible() < needed;
    const number = dwell === false ? 0 : visible() / 1000;
    if (left) enter("exit", {}, "page");
    else if (number) enter("session", { measure: "duration_s", number }, "page");
  }

  /** The page is shown again as it was. */
  function comeBack() {
    if (left) enter("exit", null, "page");
    left = false;
  }

  const api = {
    tell,
    retract: (/** @type {string} */ kind) => tell(kind, null),
    thumbs: (/** @type {boolean} */ up) => tell("thumbs", { rating: up ? 1 : -1, scale: [-1, 1] }),
    rating: (/** @type {number} */ rating, scale = [1, 5]) => tell("rating", { rating, scale }),
    edit: (/** @type {string} */ text) => tell("edit", { edited_output: text }),
    /** @param {string} text @param {string} [category] */
    complaint: (text, category) => tell("complaint", { text, category }),
    copied: () => tell("action", { action: "copy", number: 1 }),
    regenerate: () => tell("regenerate", {}),
    stop: () => tell("stop", {}),
    detach: () => quietly(() => (detach(), answers.delete(url))),
  };
  return { api, attach, leave, comeBack, options: () => options };
}

/** What a person may say about the answer of a link. The same link again is the same answer, with its latest options.
 * @param {string} url @param {Options} [options] */
export function feedwheelAnswer(url, options = {}) {
  newest = "";
  quietly(() => (newest = new URL(url, document.baseURI).href)); // it may be sent from a later page
  const answer = answers.get(newest) ?? watch(newest);
  answers.set(newest, answer);
  quietly(() => answer.attach(options));
  return answer.api;
}

addEventListener("pagehide", () =>
  quietly(() => {
    answers.forEach((answer) => answer.leave());
    const now = Date.now();
    const onItsWay = isSending ? queue[0] : undefined;
    const due = queue.filter(({ left = 0 }) => left + TAKEN_MS < now);
    due.forEach((entry) => (entry.left = now));
    pausedUntil = Math.max(pausedUntil, now + TAKEN_MS);
    save();
    for (const entry of due) if (entry !== onItsWay) navigator.sendBeacon(entry.url, entry.body);
  }),
);
addEventListener("pageshow", () =>
  quietly(() => {
    answers.forEach((answer) => answer.comeBack());
    drain();
  }),
);
try {
  ({ kept: queue, pausedUntil } = JSON.parse(sessionStorage.getItem(STORE) ?? '{"kept":[],"pausedUntil":0}'));
} catch {} // forbidden
drain();
