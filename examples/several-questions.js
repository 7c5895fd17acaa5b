// Several questions about one picture: it is encoded once, and each answer streams as it is generated.
import { ViCrop } from 'vicrop'

const vicrop = await ViCrop.open()
const picture = await vicrop.see('demo/pictures/006.webp')
for (const question of ['What is written on the purple circle?', 'What is written on the cyan plate?']) {
  process.stdout.write(`${question} `)
  const { timings } = await picture.ask(question, {
    onText: ({ of, text }) => of === 'answer' && process.stdout.write(text),
  })
  console.log(` (${timings.totalMs.toFixed(0)} ms)`)
}
picture.release()
await vicrop.release()
