/**
 * The page of a study: consent, pictures loaded, trials one after another, thanks.
 *
 * The server knows which trial is next; the browser keeps nothing but the participant's name. An answer is
 * sent until the server has acknowledged it, and only then the next trial begins.
 */

const FEEDBACK_MS = 1300;
const BETWEEN_PAIR_MS = 300;
const RETRY_MS = [500, 1000, 2000, 4000];
const LOADED_AT_A_TIME = 6;
// Timers of displays differ by less than half a frame: without this a picture would stay a frame too long.
const HALF_FRAME_MS = 8;
const WORDS = {
  picture: {
    title: "Real or fake?",
    intro: (terms) => `You will see ${total(terms)} pictures, each for ${seconds(terms)}. After each say whether it was a real one or a fake.`,
    question: "Was it real or fake?",
    answers: ["Real", "Fake"],
    truth: ["it was real", "it was fake"],
  },
  pair: {
    title: "Which one is fake?",
    intro: (terms) => `You will see ${total(terms)} times two pictures, one after the other, each for ${seconds(terms)}. One is real, one is fake. Say which one was fake.`,
    question: "Which one was fake?",
    answers: ["The first", "The second"],
    truth: ["the first was fake", "the second was fake"],
  },
};

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);
const total = (terms) => terms.practice + terms.trials;
const seconds = (terms) => (terms.show_ms === 1000 ? "one second" : `${terms.show_ms / 1000} seconds`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const clicked = (id) => new Promise((resolve) => byId(id).addEventListener("click", resolve, { once: true }));

/** Show one section of the page. @param {string} id */
function showSection(id) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
}

/**
 * Send a request until the server answers it, however often the connection breaks.
 * @param {string} path
 * @param {object} [body]  makes it a POST
 * @returns {Promise<Response>}  of any status below 500
 */
async function send(path, body) {
  const options = body && { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(path, options);
      if (response.status < 500) {
        byId("notice").hidden = true;
        return response;
      }
    } catch {
      // No connection, or the server is gone for a moment.
    }
    byId("notice").textContent = "No connection to the study. Trying again; nothing is lost.";
    byId("notice").hidden = false;
    await sleep(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
  }
}

/** @param {string} path @param {object} [body] */
async function sendJson(path, body) {
  const response = await send(path, body);
  if (!response.ok) throw new Error(`The server refused (${response.status}).`);
  return response.json();
}

/** The participant's name in this browser; without storage a reload begins anew. */
const memory = {
  key: (terms) => `pix2pix-study-${terms.id}`,
  load(terms) {
    try {
      return localStorage.getItem(this.key(terms));
    } catch {
      return null;
    }
  },
  save(terms, participant) {
    try {
      localStorage.setItem(this.key(terms), participant);
    } catch {
      // Blocked by the browser.
    }
  },
};

/** Return where the participant is, or after consent a new one. */
async function join(terms) {
  const known = memory.load(terms);
  if (known) {
    const response = await send(`api/participants/${known}`);
    if (response.ok) return response.json();
  }
  byId("consent-text").textContent = terms.consent;
  showSection("consent");
  await clicked("agree");
  const standing = await sendJson("api/participants", {});
  memory.save(terms, standing.participant);
  return standing;
}

/** Load and decode all pictures from a trial on, so that showing one takes a frame. */
async function loadPictures(terms, standing) {
  const shown = terms.question === "pair" ? 2 : 1;
  /** @type {ImageBitmap[][]} */
  const pictures = Array.from({ length: total(terms) }, () => []);
  const wanted = [];
  for (let trial = standing.next; trial < total(terms); trial++) {
    for (let place = 0; place < shown; place++) wanted.push([trial, place]);
  }
  const count = wanted.length;
  let loaded = 0;
  showSection("loading");
  byId("loaded").max = count;
  const loadSome = async () => {
    for (let next = wanted.shift(); next; next = wanted.shift()) {
      const [trial, place] = next;
      const response = await send(`api/participants/${standing.participant}/trials/${trial}/pictures/${place}`);
      if (!response.ok) throw new Error(`A picture is missing (${response.status}).`);
      pictures[trial][place] = await createImageBitmap(await response.blob());
      byId("loaded").value = ++loaded;
      byId("loaded-text").textContent = `${loaded} of ${count}`;
    }
  };
  await Promise.all(Array.from({ length: LOADED_AT_A_TIME }, loadSome));
  return pictures;
}

/** Explain what comes, and wait for the start. */
async function getReady(terms, trial) {
  const words = WORDS[terms.question];
  const practice = trial < terms.practice;
  const back = trial !== 0 && trial !== terms.practice;
  byId("ready-title").textContent = back ? "Welcome back" : trial === 0 ? words.title : "End of practice";
  const intro = back ? `You go on with trial ${trial + 1} of ${total(terms)}.` : trial === 0 ? words.intro(terms) : "";
  const feedback = practice
    ? `The first ${terms.practice} are practice: you are shown whether you were right.`
    : "From now on you are not shown whether you were right.";
  byId("ready-text").textContent = `${intro} ${feedback} Take as long as you like for an answer.`.trim();
  showSection("ready");
  byId("start").focus();
  await clicked("start");
}

/**
 * Show a picture and return how many milliseconds it was on the screen: between the frame that brought it
 * and the frame that took it away, by the clock of performance.now().
 * @param {ImageBitmap} picture
 * @param {number} ms
 * @returns {Promise<number>}
 */
function showFor(picture, ms) {
  const context = byId("picture").getContext("2d");
  return new Promise((resolve) => {
    requestAnimationFrame((begin) => {
      context.drawImage(picture, 0, 0);
      const eachFrame = (now) => {
        if (now - begin < ms - HALF_FRAME_MS) {
          requestAnimationFrame(eachFrame);
          return;
        }
        context.clearRect(0, 0, picture.width, picture.height);
        resolve(now - begin);
      };
      requestAnimationFrame(eachFrame);
    });
  });
}

/** Wait until the page is in front: nobody sees a picture in a hidden tab. */
async function inFront() {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

/** Let the participant answer, by button or arrow key, without a limit. @returns {Promise<number>} */
function waitForAnswer() {
  const buttons = [byId("answer-0"), byId("answer-1")];
  for (const button of buttons) button.disabled = false;
  return new Promise((resolve) => {
    const end = new AbortController();
    const finish = (answer) => {
      end.abort();
      for (const button of buttons) button.disabled = true;
      resolve(answer);
    };
    const { signal } = end;
    buttons.forEach((button, answer) => button.addEventListener("click", () => finish(answer), { signal }));
    document.addEventListener(
      "keydown",
      (event) => {
        const answer = ["ArrowLeft", "ArrowRight"].indexOf(event.key);
        if (answer < 0 || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        finish(answer);
      },
      { signal },
    );
  });
}

/** Run one trial: pause, pictures, question, acknowledgement, and in practice feedback. */
async function runTrial(terms, standing, trial, pictures) {
  const words = WORDS[terms.question];
  const practice = trial < terms.practice;
  byId("count").textContent = `${practice ? "Practice: trial" : "Trial"} ${trial + 1} of ${total(terms)}`;
  byId("done").value = trial;
  byId("question").textContent = "";
  byId("frame").classList.add("waiting");
  await inFront();
  await sleep(terms.pause_ms);
  byId("frame").classList.remove("waiting");
  const shownMs = [];
  for (const picture of pictures) {
    if (shownMs.length) await sleep(BETWEEN_PAIR_MS);
    shownMs.push(await showFor(picture, terms.show_ms));
  }
  byId("question").textContent = words.question;
  const answer = await waitForAnswer();
  const body = { trial, answer, shown_ms: shownMs };
  const { right } = await sendJson(`api/participants/${standing.participant}/answers`, body);
  byId("done").value = trial + 1;
  if (right === null) return;
  const feedback = byId("feedback");
  feedback.className = right ? "right" : "wrong";
  feedback.textContent = `${right ? "✓ Right" : "✗ Wrong"}: ${words.truth[right ? answer : 1 - answer]}`;
  await sleep(FEEDBACK_MS);
  feedback.textContent = "";
}

/** Run all trials that are left. */
async function runTrials(terms, standing) {
  const pictures = await loadPictures(terms, standing);
  Object.assign(byId("picture"), { width: terms.size_px, height: terms.size_px });
  byId("done").max = total(terms);
  WORDS[terms.question].answers.forEach((text, place) => (byId(`answer-${place}`).querySelector("span").textContent = text));
  for (let trial = standing.next; trial < total(terms); trial++) {
    if (trial === standing.next || trial === terms.practice) await getReady(terms, trial);
    showSection("trial");
    await runTrial(terms, standing, trial, pictures[trial]);
    for (const picture of pictures[trial]) picture.close();
  }
}

async function main() {
  const terms = await sendJson("api/study");
  document.title = WORDS[terms.question].title;
  let standing = await join(terms);
  if (standing.next !== null) {
    await runTrials(terms, standing);
    standing = await sendJson(`api/participants/${standing.participant}`);
  }
  const share = Math.round((100 * standing.right) / terms.trials);
  byId("score").textContent = `You were right in ${standing.right} of ${terms.trials} trials (${share}\u00a0%).`;
  showSection("thanks");
}

main().catch((error) => {
  byId("notice").textContent = `${error.message} Load the page again to go on.`;
  byId("notice").hidden = false;
});
