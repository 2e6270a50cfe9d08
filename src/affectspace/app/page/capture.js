// Microphone and camera. Sounds become WAV, so that the service can always decode them.

const NAMES = { audio: "microphone", video: "camera" };

// Ask the person for the microphone or the camera. Throws an Error that says what to do.
async function openDevice(kind, constraints) {
  if (!navigator.mediaDevices) {
    throw new Error(`The browser gives no ${NAMES[kind]} to this address. Open the page as http://127.0.0.1 or over https.`);
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  } catch (error) {
    const reasons = {
      NotAllowedError: `The browser does not allow the ${NAMES[kind]}. Allow it beside the address of the page, then try again.`,
      NotFoundError: `There is no ${NAMES[kind]}. Connect one, or choose a file.`,
      NotReadableError: `Another program uses the ${NAMES[kind]}. Close it, then try again.`,
    };
    throw new Error(reasons[error.name] ?? `The ${NAMES[kind]} cannot be opened: ${error.message}`);
  }
}

// 16-bit mono WAV of samples in [-1, 1].
export function wavOf(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const write = (place, text) => [...text].forEach((letter, k) => view.setUint8(place + k, letter.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  for (let k = 0; k < samples.length; k += 1) {
    view.setInt16(44 + 2 * k, Math.round(32767 * Math.max(-1, Math.min(1, samples[k]))), true);
  }
  return new Blob([view], { type: "audio/wav" });
}

// The root mean square of samples.
export const loudness = (samples) => Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(samples.length, 1));

// Open the microphone. Returns {rate, seconds(), take(), close()}. take() returns the samples since the last take.
// onlevel : called with the loudness of each piece
export async function openMicrophone({ onlevel = () => {} } = {}) {
  const stream = await openDevice("audio", { echoCancellation: false, noiseSuppression: false, autoGainControl: false });
  const context = new AudioContext();
  const stopTracks = () => stream.getTracks().forEach((track) => track.stop());
  try {
    await context.audioWorklet.addModule("/static/microphone-worklet.js");
  } catch {
    stopTracks();
    await context.close();
    throw new Error("The browser cannot record on this page. Choose a file instead.");
  }
  const source = context.createMediaStreamSource(stream);
  const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  let pieces = [];
  node.port.onmessage = ({ data }) => { pieces.push(data); onlevel(loudness(data)); };
  source.connect(node);

  return {
    rate: context.sampleRate,
    seconds: () => pieces.reduce((sum, piece) => sum + piece.length, 0) / context.sampleRate,
    take() {
      const taken = pieces;
      pieces = [];
      const samples = new Float32Array(taken.reduce((sum, piece) => sum + piece.length, 0));
      let place = 0;
      for (const piece of taken) { samples.set(piece, place); place += piece.length; }
      return samples;
    },
    close() {
      source.disconnect();
      stopTracks();
      context.close();
    },
  };
}

// Show the camera in a <video>. Returns {photograph(), close()}. photograph() resolves to a JPEG, or null before the first picture.
export async function openCamera(video) {
  const stream = await openDevice("video", { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } });
  video.srcObject = stream;
  video.muted = true;
  video.playsInline = true;
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  };
  try {
    await video.play();
  } catch (error) {
    close();
    throw new Error(`The camera gives no picture: ${error.message}`);
  }
  const canvas = document.createElement("canvas");

  return {
    async photograph() {
      if (!video.videoWidth) return null;
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    },
    close,
  };
}
