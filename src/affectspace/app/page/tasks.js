// One job at a time of a tab: progress, cancel, and the error beside the button.

import { announce, element, withCode } from "./dom.js";

// const task = createTask(); panel.append(task.element); task.run("Predicting", async (signal) => {...})
// run() returns the job's result, or null where it failed or was cancelled. A new job cancels the one before.
// after : text that is announced when the job succeeds
export function createTask() {
  const status = element("span", { class: "busy" });
  const cancel = element("button", { type: "button" }, "Cancel");
  const progress = element("progress", { "aria-label": "Working" });
  const working = element("div", { class: "working", hidden: true }, progress, status, cancel);
  const problem = element("p", { class: "error", role: "alert", hidden: true });
  let controller = null;
  cancel.addEventListener("click", () => controller?.abort());

  function fail(message) {
    problem.replaceChildren(...withCode(message));
    problem.hidden = false;
  }

  function clear() {
    problem.hidden = true;
    problem.textContent = "";
  }

  async function run(label, job, { after = null } = {}) {
    controller?.abort();
    const own = new AbortController();
    controller = own;
    clear();
    working.hidden = false;
    const began = performance.now();
    const tick = () => { status.textContent = `${label}: ${Math.round((performance.now() - began) / 1000)} s`; };
    tick();
    const timer = setInterval(tick, 1000);
    announce(`${label}.`);
    try {
      const result = await job(own.signal);
      if (own.signal.aborted) return null;
      if (after) announce(after);
      return result;
    } catch (error) {
      if (own.signal.aborted) announce("Cancelled.");
      else fail(error.message);
      return null;
    } finally {
      clearInterval(timer);
      if (controller === own) { working.hidden = true; controller = null; }
    }
  }

  return { element: element("div", { class: "task" }, working, problem), run, fail, clear, cancel: () => controller?.abort() };
}
