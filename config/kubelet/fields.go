// Command fields prints every field of KubeletConfiguration with its kind, one a line: see fields.sh.
package main

import (
	"fmt"
	"reflect"
	"strings"

	"k8s.io/kubelet/config/v1beta1"
)

// What is no mapping to a file, though it is a struct to Go.
var named = map[string]string{
	"v1.Duration":            "duration",
	"v1.Time":                "string",
	"api.TimeOrMetaDuration": "duration",
	"v1.TimeOrMetaDuration":  "duration",
	"resource.Quantity":      "quantity",
	"resource.QuantityValue": "quantity",
}

func main() {
	fieldsOf("", reflect.TypeFor[v1beta1.KubeletConfiguration]())
}

func fieldsOf(prefix string, mapping reflect.Type) {
	for i := range mapping.NumField() {
		field := mapping.Field(i)
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			print(prefix+name, field.Type)
		} else {
			fieldsOf(prefix, field.Type)
		}
	}
}

// A list's entries stand behind [], a mapping's of names of one's own behind {}.
func print(path string, field reflect.Type) {
	if kind, ok := named[field.String()]; ok {
		fmt.Println(path, kind)
		return
	}
	switch field.Kind() {
	case reflect.Pointer:
		print(path, field.Elem())
	case reflect.Slice:
		print(path+"[]", field.Elem())
	case reflect.Map:
		print(path+"{}", field.Elem())
	case reflect.Struct:
		fieldsOf(path+".", field)
	case reflect.String:
		fmt.Println(path, "string")
	case reflect.Bool:
		fmt.Println(path, "boolean")
	case reflect.Float64:
		fmt.Println(path, "number")
	case reflect.Int32, reflect.Int64, reflect.Uint32:
		fmt.Println(path, "integer")
	default:
		panic(path + " is of a kind that nobody thought of: " + field.String())
	}
}
