import { signal } from '@preact/signals'
import { engine, key, openShare, type Place, place, places, server } from './model.ts'
import { problem } from './questions.ts'
import { theme, turnTheme } from './theme.ts'

export function Header() {
  return (
    <header>
      <h1>
        <img src="./icon.svg" alt="" width="32" height="32" />
        vicrop
      </h1>
      <p class="tagline">where a model looks, and what it sees from closer</p>
      <div class="settings">
        <Where />
        <button type="button" class="quiet" onClick={turnTheme} aria-label={`Colours: ${theme.value}`}>
          <span aria-hidden="true">{{ system: '◐', light: '☀', dark: '☾' }[theme.value]}</span>
        </button>
      </div>
    </header>
  )
}

const names: Readonly<Record<Place, string>> = {
  server: 'on this server',
  cpu: 'in this browser',
  webgpu: 'in this browser, WebGPU',
}

/** Where answers are made, and whether the model is there. */
function Where() {
  const chosen = place.value
  if (chosen === null) return null
  return (
    <div class="where">
      {places.value.length === 1 ? (
        <span>Runs {names[chosen]}</span>
      ) : (
        <label>
          Runs{' '}
          <select
            value={chosen}
            onChange={event => {
              place.value = event.currentTarget.value as Place
            }}
          >
            {places.value.map(one => (
              <option key={one} value={one}>
                {names[one]}
              </option>
            ))}
          </select>
        </label>
      )}
      {chosen === 'server' && server.value?.needsKey && <Key />}
      <small>{state(chosen)}</small>
    </div>
  )
}

function state(chosen: Place): string {
  const opened = engine.value
  if (opened !== null) return opened.sends ? `${opened.model} · sees your pictures` : 'nothing is uploaded'
  if (problem.value !== null) return 'no model'
  if (chosen === 'server') return server.value?.needsKey && key.value === '' ? 'needs a key' : 'asking'
  return openShare.value > 0 ? `opening, ${Math.round(openShare.value * 100)} %` : 'opening'
}

const typed = signal('')

function Key() {
  return (
    <form
      class="key"
      onSubmit={event => {
        event.preventDefault()
        key.value = typed.value.trim()
      }}
    >
      <input
        type="password"
        aria-label="API key"
        placeholder="API key"
        autocomplete="off"
        value={typed}
        onInput={event => {
          typed.value = event.currentTarget.value
        }}
      />
      <button type="submit">Use</button>
    </form>
  )
}
