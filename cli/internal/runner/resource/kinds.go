package resource

// The kinds that are only checked: what stands in them matters to sidecars alone.

type resiliency struct {
	header `yaml:",inline"`
	Spec   struct {
		Policies struct {
			Timeouts map[string]string `yaml:"timeouts"`
			Retries  map[string]struct {
				Policy      string `yaml:"policy"`
				Duration    string `yaml:"duration"`
				MaxInterval string `yaml:"maxInterval"`
				MaxRetries  *int   `yaml:"maxRetries"`
				Matching    struct {
					HTTPStatusCodes string `yaml:"httpStatusCodes"`
					GRPCStatusCodes string `yaml:"gRPCStatusCodes"`
				} `yaml:"matching"`
			} `yaml:"retries"`
			CircuitBreakers map[string]struct {
				MaxRequests int    `yaml:"maxRequests"`
				Interval    string `yaml:"interval"`
				Timeout     string `yaml:"timeout"`
				Trip        string `yaml:"trip"`
			} `yaml:"circuitBreakers"`
		} `yaml:"policies"`
		Targets struct {
			Apps   map[string]appPolicies `yaml:"apps"`
			Actors map[string]struct {
				policies                `yaml:",inline"`
				CircuitBreakerScope     string `yaml:"circuitBreakerScope"`
				CircuitBreakerCacheSize int    `yaml:"circuitBreakerCacheSize"`
			} `yaml:"actors"`
			Components map[string]struct {
				Inbound  policies `yaml:"inbound"`
				Outbound policies `yaml:"outbound"`
			} `yaml:"components"`
		} `yaml:"targets"`
	} `yaml:"spec"`
}

// eachTarget visits the policies of every target and where they stand.
func (r *resiliency) eachTarget(visit func(where []any, p policies)) {
	targets := r.Spec.Targets
	for name, app := range targets.Apps {
		visit([]any{"spec", "targets", "apps", name}, app.policies)
	}
	for name, actor := range targets.Actors {
		visit([]any{"spec", "targets", "actors", name}, actor.policies)
	}
	for name, component := range targets.Components {
		visit([]any{"spec", "targets", "components", name, "inbound"}, component.Inbound)
		visit([]any{"spec", "targets", "components", name, "outbound"}, component.Outbound)
	}
}

type policies struct {
	Timeout        string `yaml:"timeout"`
	Retry          string `yaml:"retry"`
	CircuitBreaker string `yaml:"circuitBreaker"`
}

type appPolicies struct {
	policies                `yaml:",inline"`
	CircuitBreakerCacheSize int `yaml:"circuitBreakerCacheSize"`
}

type configuration struct {
	header `yaml:",inline"`
	Spec   struct {
		HTTPPipeline    any `yaml:"httpPipeline"`
		AppHTTPPipeline any `yaml:"appHttpPipeline"`
		Tracing         any `yaml:"tracing"`
		MTLS            any `yaml:"mtls"`
		Metric          any `yaml:"metric"`
		Metrics         any `yaml:"metrics"`
		Secrets         any `yaml:"secrets"`
		AccessControl   any `yaml:"accessControl"`
		NameResolution  struct {
			Component     string         `yaml:"component"`
			Version       string         `yaml:"version"`
			Configuration map[string]any `yaml:"configuration"`
		} `yaml:"nameResolution"`
		Features []struct {
			Name    string `yaml:"name"`
			Enabled bool   `yaml:"enabled"`
		} `yaml:"features"`
		API        any `yaml:"api"`
		Components any `yaml:"components"`
		Logging    any `yaml:"logging"`
		Wasm       any `yaml:"wasm"`
		Workflow   any `yaml:"workflow"`
	} `yaml:"spec"`
}
