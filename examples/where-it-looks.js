// The importance map itself, layer by layer: which cell has the largest value, and where it lies in the picture.
import { ViCrop } from 'vicrop'

const vicrop = await ViCrop.open()
const picture = await vicrop.see('demo/pictures/006.webp')
for (let layer = 0; layer < vicrop.layerCount; layer++) {
  const { importance } = await picture.look('What number is on the cyan plate?', { layers: [layer] })
  const { values, columns, rows, geometry } = importance
  const peak = values.indexOf(Math.max(...values))
  const [row, column] = [Math.floor(peak / columns), peak % columns]
  const x = geometry.view.x + ((column + 0.5) * geometry.view.width) / columns
  const y = geometry.view.y + ((row + 0.5) * geometry.view.height) / rows
  console.log(`layer ${layer}: row ${row}, column ${column}, about pixel (${x.toFixed(0)}, ${y.toFixed(0)})`)
}
await vicrop.release()
