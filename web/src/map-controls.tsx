import { methods } from '../../src/importance/method.ts'
import { engine } from './model.ts'
import { askAgain, layer, map, method, opacity, readsLayers, shown } from './questions.ts'

/** How to look, and how to show it. */
export function MapControls() {
  return (
    <section class="controls" aria-label="Heat map">
      <fieldset class="methods">
        <legend>Method</legend>
        <div class="segments">
          {methods.map(name => (
            <label key={name}>
              <input
                type="radio"
                name="method"
                value={name}
                checked={method.value === name}
                onChange={() => {
                  method.value = name
                  askAgain()
                }}
              />
              <span class="segment">{name}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <LayerSlider />
      <div class="slider">
        <p>
          <label for="opacity">Heat map</label> <b>{Math.round(opacity.value * 100)} %</b>
        </p>
        <input
          id="opacity"
          type="range"
          min="0"
          max="1"
          step="0.01"
          value={opacity}
          disabled={map.value === null}
          onInput={event => {
            opacity.value = event.currentTarget.valueAsNumber
          }}
        />
      </div>
    </section>
  )
}

/** How long the slider must rest before the question is asked with its layer. */
const restMs = 350
let resting: ReturnType<typeof setTimeout> | undefined

/** All layers' maps are there with the answer, so that the map follows at once; the answers follow when it rests. */
function LayerSlider() {
  const count = engine.value?.layerCount ?? 1
  const usual = shown.value?.how.layers === undefined ? (shown.value?.found.layers ?? []) : []
  const at = layer.value ?? usual[0] ?? 0
  const isUsed = readsLayers(method.value)
  const text = !isUsed ? 'not used' : layer.value === null ? `${usual.join(', ')} (default)` : `${at}`
  const choose = (chosen: number | null): void => {
    layer.value = chosen
    clearTimeout(resting)
    resting = setTimeout(askAgain, restMs)
  }
  return (
    <div class="slider">
      <p>
        <label for="layer">Layer</label> <b>{text}</b>
        {isUsed && layer.value !== null && (
          <button type="button" class="quiet" onClick={() => choose(null)}>
            default
          </button>
        )}
      </p>
      <input
        id="layer"
        type="range"
        min="0"
        max={count - 1}
        step="1"
        value={at}
        disabled={!isUsed || shown.value === null}
        aria-valuetext={`layer ${at} of 0 to ${count - 1}`}
        onInput={event => choose(event.currentTarget.valueAsNumber)}
      />
    </div>
  )
}
