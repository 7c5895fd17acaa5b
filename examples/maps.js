// Every map of the paper for one question about one picture, drawn over it: the pictures of docs/how-it-works.md.
//   node examples/maps.js [FOLDER]        (docs/images/maps for those; out/maps if left out)
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { overlay, ViCrop } from 'vicrop'

const folder = process.argv[2] ?? 'out/maps'
const question = 'What is the date on the form?'
const general = 'Write a general description of the image.'
const enlarged = 2 // for the page

const vicrop = await ViCrop.open()
const picture = await vicrop.see('demo/pictures/003.webp')
await mkdir(folder, { recursive: true })

await draw('picture', picture.image)

// What goes into relative attention: the attention under the question, and under the general description prompt.
const [[asked], [unasked]] = [await picture.attention(question), await picture.attention(general)]
await draw('attention', overlay(picture.image, asked, null))
await draw('general-attention', overlay(picture.image, unasked, null))

// The three methods, the two variants of the last one, and the answer that each crop leads to.
const methods = {
  'rel-att': { method: 'rel-att' },
  'grad-att': { method: 'grad-att' },
  'pure-grad': { method: 'pure-grad', variant: 'paper' },
  'pure-grad-code': { method: 'pure-grad', variant: 'code' },
}
for (const [name, options] of Object.entries(methods)) {
  const { importance, crop, plainAnswer, answer } = await picture.ask(question, options)
  await draw(name, overlay(picture.image, importance, crop))
  console.log(`${name.padEnd(15)} ${JSON.stringify(crop)}  alone ${plainAnswer}, with the crop ${answer}`)
}

// Not every layer looks at what is asked about.
for (let layer = 0; layer < vicrop.layerCount; layer++) {
  const { importance, crop } = await picture.look(question, { layers: [layer] })
  await draw(`layer-${layer}`, overlay(picture.image, importance, crop))
}

// The same gradient of two answers to a question that has three: there are three circles.
for (const target of ['M', 'Z']) {
  const { importance, crop } = await picture.look('Which letter is on the circle?', {
    method: 'grad-att',
    target,
  })
  await draw(`target-${target.toLowerCase()}`, overlay(picture.image, importance, crop))
}
await vicrop.release()

/** @param {import('vicrop').Image} image */
async function draw(name, { width, height, data }) {
  await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(width * enlarged, height * enlarged, { kernel: 'lanczos3' })
    .jpeg({ quality: 86 })
    .toFile(join(folder, `${name}.jpg`))
}
