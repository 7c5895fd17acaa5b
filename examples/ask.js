// One question: what the model answers alone, where it looks, and what it answers after a closer look.
import { ViCrop } from 'vicrop'

const vicrop = await ViCrop.open() // the demo model; or a folder, or 'llava-hf/llava-1.5-7b-hf'
const picture = await vicrop.see(process.argv[2] ?? 'demo/pictures/006.webp')
const result = await picture.ask(process.argv[3] ?? 'What number is on the cyan plate?')

console.log(`alone          ${result.plainAnswer}`)
console.log(`crop           ${JSON.stringify(result.crop ?? result.cropReason)}`)
console.log(`with the crop  ${result.answer}`)
await vicrop.release()
