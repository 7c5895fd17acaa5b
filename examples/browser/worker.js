import { ViCrop } from 'vicrop'

// Any folder that is served and has what `save_pretrained` writes.
const opening = ViCrop.open(new URL('/model/', location.href))

addEventListener('message', async ({ data: { picture, question } }) => {
  try {
    const vicrop = await opening
    using seen = await vicrop.see(picture)
    postMessage(await seen.ask(question))
  } catch (error) {
    postMessage({ error: error.message })
  }
})
