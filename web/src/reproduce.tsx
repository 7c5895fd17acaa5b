import { useSignal } from '@preact/signals'
import { commandOf } from './command.ts'
import { cropOf, download, drawnOf, heated } from './drawing.ts'
import { engine } from './model.ts'
import { crop, map, picture, shown } from './questions.ts'

/** The same on the command line, and the pictures as files. */
export function Reproduce() {
  const isCopied = useSignal(false)
  const [seen, entry] = [picture.value, shown.value]
  if (seen === null || entry === null) return null
  const { question, how, tried } = entry
  const command = commandOf(
    { name: seen.name, model: engine.value?.model ?? 'demo' },
    question,
    how,
    tried?.crop ?? null,
  )
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(command)
    isCopied.value = true
    setTimeout(() => {
      isCopied.value = false
    }, 2000)
  }
  const base = seen.name.replace(/\.\w+$/, '')
  const saveMap = (): void => {
    if (map.value !== null)
      void download(heated(drawnOf(seen.image), map.value, crop.value), `${base}-map.png`)
  }
  const saveCrop = (): void => {
    if (crop.value !== null) void download(cropOf(seen.image, crop.value), `${base}-crop.png`)
  }
  return (
    <section class="reproduce" aria-labelledby="reproduce">
      <h3 id="reproduce">On the command line</h3>
      <div class="command">
        <code>{command}</code>
        <button type="button" class="quiet" onClick={copy}>
          {isCopied.value ? 'Copied' : 'Copy'}
        </button>
      </div>
      <div class="row">
        <button type="button" onClick={saveMap} disabled={map.value === null}>
          Save the map
        </button>
        <button type="button" onClick={saveCrop} disabled={crop.value === null}>
          Save the crop
        </button>
      </div>
    </section>
  )
}
