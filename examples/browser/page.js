// The page asks and a worker computes, so that the page stays alive meanwhile.
const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' })
const form = document.querySelector('form')
const output = document.querySelector('output')

form.addEventListener('submit', event => {
  event.preventDefault()
  const { picture, question } = form.elements
  worker.postMessage({ picture: picture.files[0], question: question.value })
})

worker.addEventListener('message', ({ data: { state, error, answer, plainAnswer, crop } }) => {
  output.textContent =
    state ?? error ?? `${plainAnswer}, and with the crop ${JSON.stringify(crop)}: ${answer}`
})
