// The page asks, a worker answers, and the page stays responsive.
const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' })
const form = document.querySelector('form')
const output = document.querySelector('output')

form.addEventListener('submit', event => {
  event.preventDefault()
  output.textContent = '...'
  const { picture, question } = form.elements
  worker.postMessage({ picture: picture.files[0], question: question.value })
})

worker.addEventListener('message', ({ data: { error, plainAnswer, answer, crop } }) => {
  output.textContent = error ?? `${plainAnswer} alone, ${answer} with the crop ${JSON.stringify(crop)}`
})
