// Requests to the service: errors as messages, the API key, and the cancelling of a request.

const KEY = "affectspace-key";

// What the service answered instead of a result. code : short name of the kind; status : of HTTP, 0 where nothing answered
export class ServiceError extends Error {
  constructor(message, code = "error", status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

function storedKey() {
  try { return sessionStorage.getItem(KEY); } catch { return null; }
}

let asking = null;

// Ask once for the key, also when several requests need it. Resolves to false where the person cancels.
function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key-dialog");
    const input = document.getElementById("key");
    input.value = "";
    dialog.addEventListener("close", () => {
      asking = null;
      const given = dialog.returnValue === "use" && input.value;
      if (given) { try { sessionStorage.setItem(KEY, input.value); } catch { /* used for this page only */ } }
      resolve(Boolean(given));
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

async function problemOf(response) {
  let error = null;
  try { error = (await response.json()).error; } catch { /* not from the service itself */ }
  if (error?.message) return new ServiceError(error.message, error.code, response.status);
  return new ServiceError(`The service answered with the status ${response.status}. Try again, or look at its log.`, "http", response.status);
}

// Ask the service. body : null (GET), FormData, or an object that is sent as JSON. Returns the JSON. Throws ServiceError;
// an AbortError where the signal was aborted.
export async function request(path, { body = null, signal = null } = {}) {
  const headers = { Accept: "application/json" };
  const key = storedKey();
  if (key) headers["X-API-Key"] = key;
  const isForm = body instanceof FormData;
  if (body && !isForm) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", headers, body: isForm || !body ? body : JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("The service does not answer. Check that `affectspace serve` still runs, then try again.", "unreachable");
  }
  if (response.status === 401 && (await askForKey())) return request(path, { body, signal });
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

// Make the form of a request: values that are lists are sent once for each entry, null is left out.
export function form(values) {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) {
    for (const entry of Array.isArray(value) ? value : [value]) {
      if (entry !== null && entry !== undefined) data.append(name, entry, ...(entry instanceof File ? [entry.name] : []));
    }
  }
  return data;
}

let map = null;

// The emotions' ellipses behind the circumplex, [{name, valence, arousal, valence_sd, arousal_sd}]; empty where they are unknown.
export function emotionEllipses() {
  map ??= request("/v1/map").then((answer) => answer.emotions).catch(() => { map = null; return []; });
  return map;
}
