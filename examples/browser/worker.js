import { ViCrop } from 'vicrop'

/** Wherever the folder of a checkpoint is served; its weights are downloaded once and kept by the browser. */
const model = new URL('/demo/model/', location.href)

const onProgress = ({ stage, doneBytes, totalBytes }) =>
  postMessage({ state: `${stage} ${Math.round((100 * doneBytes) / totalBytes)} %` })

let opening

addEventListener('message', async ({ data: { picture, question } }) => {
  try {
    opening ??= ViCrop.open(model, { onProgress })
    const vicrop = await opening
    const seen = await vicrop.see(picture)
    postMessage(await seen.ask(question, { onProgress: state => postMessage({ state }) }))
    seen.release()
  } catch (error) {
    postMessage({ error: error.message })
  }
})
