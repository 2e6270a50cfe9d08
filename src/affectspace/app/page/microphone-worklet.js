// Passes the microphone's samples to the page, in pieces of about a tenth of a second.

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(4096);
    this.filled = 0;
  }

  process([input]) {
    if (!input.length) return true;
    for (let place = 0; place < input[0].length; place += 1) {
      let sum = 0;
      for (const channel of input) sum += channel[place];
      this.piece[this.filled] = sum / input.length;
      this.filled += 1;
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
