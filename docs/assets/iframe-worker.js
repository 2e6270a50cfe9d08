// Browsers start no workers on pages that are opened from a folder (file:), and the search is a worker. Here it runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.frame.title = "Search"
      this.frame.srcdoc = `<script>window.postMessage = data => window.answer(data)</script><script src="${url}"></script>`
      this.frame.addEventListener("load", () => {
        this.ready = true
        for (const data of this.waiting.splice(0)) this.postMessage(data)
      })
      document.body.append(this.frame)
    }
    answer(data) {
      const event = new MessageEvent("message", {data})
      this.dispatchEvent(event)
      if (this.onmessage) this.onmessage(event)
    }
    postMessage(data) {
      const frame = this.frame.contentWindow
      frame.answer = answer => this.answer(answer)
      if (this.ready) frame.dispatchEvent(new MessageEvent("message", {data}))
      else this.waiting.push(data)
    }
    terminate() {
      this.frame.remove()
    }
  }
}
